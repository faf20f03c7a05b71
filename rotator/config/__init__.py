"""The YAML configuration: its shape, its loading with every problem on its line, and what it means for the domain."""
