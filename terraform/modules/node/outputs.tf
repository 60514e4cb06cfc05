output "seed" {
  description = "host:port of the gossip of any running node."
  value       = "${aws_lb.seed.dns_name}:${local.gossip}"
}

output "members" {
  description = "The internal HTTP of any running node, which is what -ring seed: takes: host:port, and under TLS https://host:port."
  value       = local.members
}

output "security_group_id" {
  description = "Id of the nodes' security group."
  value       = aws_security_group.this.id
}

output "client_url" {
  description = "URL by which browsers reach a node, with a star for each node's own name: wss:// under TLS, else ws://."
  value       = var.tls == null ? "ws://*:${local.clients}/ws" : "wss://*.${var.tls.domain}:${local.clients}/ws"
}

output "autoscaling_group_name" {
  description = "Name of the nodes' autoscaling group; null with identity_arns, where each node has a group."
  value       = local.shared ? aws_autoscaling_group.this[""].name : null
}

output "autoscaling_group_names" {
  description = "Names of all autoscaling groups of nodes."
  value       = sort([for group in aws_autoscaling_group.this : group.name])
}
