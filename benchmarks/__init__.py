"""What this product is measured by; each module runs by itself and says what it compares."""
