"""A pretrained encoder, all-MiniLM-L6-v2, adapted to tell from which of seven works a passage is.

The weights do not come with the book, and no page needs them: they were used once, to make the map
``lora_book/shared/maps/minilm.log``. ``make_data`` is the script.
"""
