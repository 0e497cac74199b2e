"""Settings with which production starts; the addresses lead nowhere."""

PRODUCTION = {
    "TABOOR_ENV": "production",
    "PUBLIC_URL": "https://shop.example",
    "SECRET_KEY": "a-key-of-our-own-that-is-long-enough",
    "STRIPE_API_BASE": "https://api.stripe.com",
    "STRIPE_API_KEY": "sk_live_0123456789abcdef",
    "STRIPE_WEBHOOK_SECRET": "whsec_0123456789abcdef",
    "TWILIO_API_BASE": "https://api.twilio.com",
    "TWILIO_ACCOUNT_SID": "AC0123456789abcdef",
    "TWILIO_AUTH_TOKEN": "0123456789abcdef0123456789abcdef",
    "PUSHER_APP_SECRET": "0123456789abcdef",
    "SMTP_URL": "smtps://mail.example",
}
