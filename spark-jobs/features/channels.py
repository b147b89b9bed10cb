"""Channel primitives: arrays of samples in, one array of the same shape out. NaN is a missing sample, and spreads."""

import numpy as np


def gravity(pitch, roll, *, axis: int):
    """One component of the unit vector of gravity in the watch's frame; attitude in rad."""
    if axis == 0:
        return np.sin(roll) * np.cos(pitch)
    if axis == 1:
        return -np.sin(pitch) + 0 * roll  # the roll's gaps are gravity's gaps, on every axis
    return -np.cos(roll) * np.cos(pitch)


def sum_of(*inputs):
    return sum(inputs[1:], inputs[0])


def magnitude(*inputs):
    return np.sqrt(sum(x * x for x in inputs))


def along(ax, ay, az, gx, gy, gz):
    """The part of a along the unit vector g."""
    return ax * gx + ay * gy + az * gz


def across(ax, ay, az, gx, gy, gz):
    """The part of a across the unit vector g, as |a x g|: exact also where the two are nearly parallel."""
    return magnitude(ay * gz - az * gy, az * gx - ax * gz, ax * gy - ay * gx)


CHANNEL_PRIMITIVES = {
    "gravity": gravity,
    "sum": sum_of,
    "magnitude": magnitude,
    "along": along,
    "across": across,
}
