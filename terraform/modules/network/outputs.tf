output "vpc_id" {
  description = "Id of the network."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "IPv4 range of the network."
  value       = aws_vpc.this.cidr_block
}

output "public_subnet_ids" {
  description = "Ids of the public subnets, in the order of the zones' names."
  value       = values(aws_subnet.public)[*].id
}

output "private_subnet_ids" {
  description = "Ids of the private subnets, in the order of the zones' names."
  value       = values(aws_subnet.private)[*].id
}
