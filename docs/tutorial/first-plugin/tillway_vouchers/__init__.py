"""Prepaid vouchers for Tillway."""
