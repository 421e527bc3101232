"""What would change in Brevo, and making it so."""
