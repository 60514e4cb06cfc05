output "servers" {
  description = "host:port of each server, comma-separated: what -zk takes."
  value       = join(",", [for id in sort(keys(local.addresses)) : "${local.addresses[id]}:2181"])
}

output "security_group_id" {
  description = "Id of the servers' security group."
  value       = aws_security_group.this.id
}
