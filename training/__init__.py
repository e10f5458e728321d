"""The study: small networks on MNIST, trained, evaluated and tracked. `python -m training`."""
