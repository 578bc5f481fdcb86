"""Volumes to trained models."""

from vct.training.run import train

__all__ = ["train"]
