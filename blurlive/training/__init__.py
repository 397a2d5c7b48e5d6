"""Training: configuration, stages (which losses), one loop that knows nothing of the losses, checkpoints."""
