"""Tests of ears, mouth and mind."""
