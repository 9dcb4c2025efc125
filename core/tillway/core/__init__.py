"""What Tillway knows about money: values, laws and use cases, free of any technology."""
