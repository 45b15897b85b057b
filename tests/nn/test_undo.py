"""What a failed block leaves of a model: all as it was."""

import pytest
import torch
from torch import nn

from lora_edu.nn.undo import unchanged_on_failure
from tests.nn.compare import assert_unchanged, fingerprint
from tests.nn.models import adapted


@pytest.mark.parametrize("error", [ValueError, MemoryError, KeyboardInterrupt])
def test_whatever_was_hung_removed_or_thawed_is_as_before(error):
    model, _ = adapted()
    before, attributes = fingerprint(model), set(vars(model))
    with pytest.raises(error), unchanged_on_failure(model):
        model.note = "new"
        model.head = nn.Identity()
        model.extra = nn.Parameter(torch.ones(1))
        del model.tokens
        for parameter in model.parameters():
            parameter.requires_grad_(not parameter.requires_grad)
        raise error
    assert_unchanged(model, before)
    assert set(vars(model)) == attributes


def test_a_block_that_does_not_fail_keeps_what_it_did():
    model, _ = adapted()
    with unchanged_on_failure(model):
        model.head = nn.Identity()
    assert isinstance(model.head, nn.Identity)
