"""The tests behind :func:`lora_edu.nn.doctor`. Imports torch and, of the package, nn and the core.

In the order of a first reading: ``findings`` (what is said), ``anatomy`` (what is looked at), then
the tests: ``adapters``, ``numbers``, ``optimisation``, ``labels``, ``gradients``, ``outputs``.
"""
