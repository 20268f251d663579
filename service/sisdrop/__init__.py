"""Takes patron files from a share, checks them, and delivers them to Alma by SFTP."""

__version__ = "0.1.0"
