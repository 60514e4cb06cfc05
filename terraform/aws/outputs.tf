output "route_url" {
  description = "URL of the route, for clients and for `cim -route`."
  value       = module.route.url
}

output "page_url" {
  description = "URL of the chat page for browsers."
  value       = "${module.route.url}/"
}

output "members_command" {
  description = "Command that shows the members, their load and what they own."
  value       = "cim ring -route ${module.route.url}"
}

output "autoscaling_group_name" {
  description = "Name of the nodes' autoscaling group."
  value       = module.node.autoscaling_group_name
}

output "seed" {
  description = "host:port of the gossip of any running node, inside the network."
  value       = module.node.seed
}
