output "url" {
  description = "URL of the store for -redis, with the user and without the password."
  value = (local.cluster
    ? "rediss+cluster://cim@${aws_elasticache_replication_group.this.configuration_endpoint_address}:6379"
  : "rediss://cim@${aws_elasticache_replication_group.this.primary_endpoint_address}:6379")
}

output "security_group_id" {
  description = "Id of the store's security group."
  value       = aws_security_group.this.id
}
