from lora_edu.chapters.shared.word_run import *  # noqa: F403
