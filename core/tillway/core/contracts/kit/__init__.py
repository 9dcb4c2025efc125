"""What ``contracts.plugin`` does once somebody has named a store or a rail."""
