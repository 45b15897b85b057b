"""Passages of ten words from seven works, out of the texts of the small GPT."""

import re

import numpy as np

from lora_book.small_gpt.text import read

WORDS = 10  # a passage
WORKS = {  # work → its text, and how it begins there
    "Macbeth": ("shakespeare", "ACT I."),
    "Twelfth Night": ("shakespeare", "SCENE I. An Apartment in the DUKE'S Palace."),
    "The Tempest": ("shakespeare", "[Enter a SHIPMASTER"),
    "The Merchant of Venice": ("shakespeare", "SCENE I. Venice. A street"),
    "Genesis": ("bible", "In the beginning"),
    "Mark": ("bible", "The beginning of the gospel"),
    "The Devil's Dictionary": ("devil", "")}


def passages(each: int) -> tuple[list[str], np.ndarray]:
    """``each`` passages of every work, shuffled, and the number of each one's work."""
    rng = np.random.default_rng(0)
    labelled = []
    for number, work in enumerate(WORKS):
        words = words_of(work)
        starts = WORDS * rng.permutation(len(words) // WORDS)[:each]
        labelled += [(" ".join(words[i:i + WORDS]), number) for i in starts]
    texts, works = zip(*(labelled[i] for i in rng.permutation(len(labelled))), strict=True)
    return list(texts), np.array(works)


def words_of(work: str) -> list[str]:
    """The words of a work, without stage directions and words in capitals, which are speakers."""
    style, begins = WORKS[work]
    text = read(style)
    ends = [text.index(begin, 1) for other, begin in WORKS.values() if other == style and begin
            and text.find(begin, 1) > text.index(begins)]
    spoken = re.sub(r"\[[^\]]*\]", " ", text[text.index(begins):min(ends, default=len(text))])
    return [word for word in spoken.split() if not re.search("[A-Z]{2}", word)]
