// The editor of a cell: CodeMirror, with no more of it than a cell needs.

import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import {
  bracketMatching,
  HighlightStyle,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";

// The classes are those of the page's own code, and so are the colours.
const style = HighlightStyle.define([
  { tag: tags.keyword, class: "k" },
  { tag: tags.comment, class: "c1" },
  { tag: [tags.string, tags.special(tags.string)], class: "s2" },
  { tag: [tags.number, tags.bool, tags.null], class: "mi" },
  { tag: tags.function(tags.definition(tags.variableName)), class: "nf" },
  { tag: tags.definition(tags.className), class: "nc" },
  { tag: tags.operator, class: "o" },
]);

// label: what it is called when read aloud. changed(): after each change. run(): at Shift-Enter.
export function createEditor(parent, { text, label, changed, run }) {
  const onShiftEnter = {
    key: "Shift-Enter",
    run: () => {
      run();
      return true;
    },
  };
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        keymap.of([onShiftEnter, indentWithTab, ...defaultKeymap, ...historyKeymap]),
        history(),
        drawSelection(),
        bracketMatching(),
        indentOnInput(),
        indentUnit.of("    "),
        python(),
        syntaxHighlighting(style),
        EditorView.contentAttributes.of({
          "aria-label": label,
          "aria-describedby": "py-keys",
          autocapitalize: "off",
          spellcheck: "false",
        }),
        // a page has keys of its own, such as /
        EditorView.domEventHandlers({
          keydown(event) {
            if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
          },
        }),
        matchMedia("(max-width: 576px)").matches ? EditorView.lineWrapping : [],
        EditorView.updateListener.of((update) => {
          if (update.docChanged) changed();
        }),
      ],
    }),
  });
  return {
    get text() {
      return view.state.doc.toString();
    },
    set text(text) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    focus() {
      view.focus();
    },
  };
}
