from lora_edu.chapters.shared.digits_map import *  # noqa: F403
from lora_edu.chapters.shared.fits import geometric_mean as mean  # noqa: F401
