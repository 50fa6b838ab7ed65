"""What the providers of Google's APIs share. This folder is no provider."""
