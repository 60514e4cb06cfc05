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

output "node_identity_arns" {
  value = { for id in(var.identities == null ? [] : var.identities.nodes) : id => "arn:aws:secretsmanager:eu-central-1:1:secret:${var.name}/identity/${id}" }
}

output "route_identity_arn" {
  value = var.identities == null ? null : "arn:aws:secretsmanager:eu-central-1:1:secret:${var.name}/identity/${var.identities.route}"
}

output "certificate_arn" {
  value = var.certificate_generation == null ? null : "arn:aws:secretsmanager:eu-central-1:1:secret:${var.name}/certificate"
}
