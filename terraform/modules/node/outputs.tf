output "seed" {
  description = "host:port of the gossip of any running node."
  value       = "${aws_lb.seed.dns_name}:${local.gossip}"
}

output "members" {
  description = "host:port of the internal HTTP of any running node: what -ring seed: takes."
  value       = "${aws_lb.seed.dns_name}:${local.http}"
}

output "security_group_id" {
  description = "Id of the nodes' security group."
  value       = aws_security_group.this.id
}

output "autoscaling_group_name" {
  description = "Name of the nodes' autoscaling group."
  value       = aws_autoscaling_group.this.name
}
