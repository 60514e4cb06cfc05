# In the place of modules/secrets where that cannot be: in mocked tests.

output "cluster_key_arn" {
  value = "arn:aws:secretsmanager:eu-central-1:1:secret:${var.name}/cluster-key"
}

output "route_key_arn" {
  value = "arn:aws:secretsmanager:eu-central-1:1:secret:${var.name}/route-key"
}

output "redis_password_arn" {
  value = "arn:aws:secretsmanager:eu-central-1:1:secret:${var.name}/redis-password"
}

output "redis_password" {
  value     = terraform.applying ? "0123456789abcdef" : "of a plan, at least 16" # what is ephemeral makes this so
  ephemeral = true
}
