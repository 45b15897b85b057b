"""Every run of a study, for the scripts that make the data."""

from itertools import product

import numpy as np
from tqdm import tqdm


def all_runs(train, *axes, name: str = "") -> np.ndarray:
    """What ``train`` returns for every combination of the axes' values, (len of each axis, …).

    A bar with the name counts them.
    """
    results = [train(*setting) for setting in tqdm(list(product(*axes)), desc=name)]
    return np.reshape(results, (*map(len, axes), *np.shape(results[0])))
