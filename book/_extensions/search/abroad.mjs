// Words of German, French, Spanish and Russian queries in English, as rules for rank.mjs. None has an
// accent, none is English too. "*": however the word ends.

const WORDS = `
  0: cero. 2: zwei deux dos. adapter: adaptateurs? adaptador(es)?. after: nach apres despues.
  alpha: alfa альфа. base model: basismodells?. best: beste[nrs]? meilleure? mejor.
  combine: kombinier* combin(er|ar). convert: konvertier* umwandel* convertir.
  data: daten donnees datos. difference: unterschied* diferencia*.
  different: verschieden* differente?s distint[oa]s?. diverges: divergier*.
  effect: wirkung effet efecto. epochs: epoche* epoques? epocas?. error: fehler erreur errores.
  examples: beispiele? exemples? ejemplos?. explodes: explodier* explosent? explotan?.
  extract: extrahier* extraire extraer. file: datei(en)? fichiers? archivos?.
  forgets: vergess* vergiss* oubli* olvid*. freeze: einfrier* eingefroren geler congel*.
  full: vollstandig* complet completo. go down: sink(t|en) fallt baisse diminu(e|er|ye) baja.
  gradient: gradienten gradientes. high: hoch hohe[nrs]? elevee? alt[oa].
  images: bild(er)? imagen(es)?. increases: steigt augmente sube aumenta.
  initialized: initialisiert inicializ*. large: gro(ß|ss) grande?.
  layers: schicht(en)? couches? capas?. learn: lern(t|en) apprend(re)? aprende[rn]?.
  learning rate lr: lernrate taux_apprentissage tasa_de_aprendizaje скорост*_обучения.
  load: laden geladen charger cargar. loss: verlust perte perdida. low: niedrig* bas(se)? bajo faible.
  matrix: matrizen matriz. memory: speicher(bedarf)? memoire memoria.
  merge: zusammen(ge)?fuhr* fusion* verschmelz*. model: modell* modele* modelo*.
  multiple: mehrere plusieurs varios. need: brauch* besoin necesit*.
  new: neue[nrs]? nouve(au|lle)x? nuev[oa]s?. nonsense: unsinn charabia. nothing: nichts rien nada.
  optimiser: optimierer optimiseurs? optimizador(es)?.
  overfitting: uberanpassung surapprentissage sobreajuste. random: zufallig* aleato*.
  rank: rangs? rangos? ранг*. repeats: wiederhol* repete repite.
  results: ergebnis* resultats? resultados?. resume: fortsetz* reprendre reanudar.
  same: gleich* mism[oa]s?. save: (ge)?speicher(n|t) enregistrer sauvegarder guardar.
  scale: skalierung echelle escala. settings: einstellungen reglages ajustes.
  size: gro(ß|ss)e taille tamano. slow: langsam* lente? lento.
  small: klein* petite? pequen* wenig* peu poc[oa]s?. steps: schritte? etapes pasos.
  strength: starke fuerza. strong: stark fort fuerte. time: zeit dauert? temps tiempo.
  train: trainier* entrain* entren*. twice: doppelt verdoppel* doble.
  underfitting: unteranpassung subajuste. weak: schwach* debil. weights: gewichte? poids pesos?.
  working: funktionier* fonctionne marche funciona`;

export const ABROAD = WORDS.split(".").map((entry) => {
  const [english, abroad] = entry.split(":");
  const any = abroad.trim().replace(/\s+/g, "|").replaceAll("_", " ").replaceAll("*", "\\p{L}*");
  return [new RegExp(`(?<!\\p{L})(${any})(?!\\p{L})`, "gu"), `${english} `];
});
