"""Engines that run units of work on other machines: adapters over `study.run`, one file each."""
