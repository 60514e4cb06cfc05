output "cluster_key_arn" {
  description = "ARN of the secret of nodes and routes."
  value       = aws_secretsmanager_secret_version.this["cluster-key"].secret_id
}

output "route_key_arn" {
  description = "ARN of the secret of the routes."
  value       = aws_secretsmanager_secret_version.this["route-key"].secret_id
}

output "redis_password_arn" {
  description = "ARN of the secret with the store's password."
  value       = aws_secretsmanager_secret_version.this["redis-password"].secret_id
}

output "redis_password" {
  description = "The store's password, for a write-only argument; in no state."
  value       = ephemeral.aws_secretsmanager_secret_version.redis_password.secret_string
  ephemeral   = true
}

output "node_identity_arns" {
  description = "ARNs of the secrets with the nodes' keys and certificates, by the nodes' ids; empty without identities."
  value       = { for id in(var.identities == null ? [] : var.identities.nodes) : id => aws_secretsmanager_secret_version.identity[id].secret_id }
}

output "route_identity_arn" {
  description = "ARN of the secret with the routes' key and certificate; null without identities."
  value       = var.identities == null ? null : aws_secretsmanager_secret_version.identity[var.identities.route].secret_id
}

output "certificate_arn" {
  description = "ARN of the secret with the nodes' certificate and key; null without certificate_generation."
  value       = var.certificate_generation == null ? null : aws_secretsmanager_secret_version.certificate[0].secret_id
}
