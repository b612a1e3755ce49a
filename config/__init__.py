"""The operators' vocabulary: every key of the configuration file, its variable, its default and its rules.

Owns what the settings are called and when they contradict one another. Leaves reading them to kit.settings and acting on them to the
services, each of which takes its own part.
"""

from config.loading import check, load
from config.schema import Configuration
from kit.settings import SettingsError

__all__ = ["Configuration", "SettingsError", "check", "load"]
