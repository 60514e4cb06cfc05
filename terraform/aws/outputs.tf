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

output "urls" {
  description = "Who calls whom by what: https, wss and rediss are TLS. A star is each node's own name."
  value = {
    clients_to_routes = module.route.url
    clients_to_nodes  = module.node.client_url
    nodes_to_routes   = module.route.url
    routes_to_nodes   = "${var.tls == null ? "http" : "https"}://*${var.tls == null ? "" : "-internal.${var.tls.domain}"}:${var.nodes.internal_port}"
    routes_to_store   = local.redis.url
  }
}

output "autoscaling_group_name" {
  description = "Name of the nodes' autoscaling group; null with identities, where each node has a group."
  value       = module.node.autoscaling_group_name
}

output "autoscaling_group_names" {
  description = "Names of all autoscaling groups of nodes."
  value       = module.node.autoscaling_group_names
}

output "seed" {
  description = "host:port of the gossip of any running node, inside the network."
  value       = module.node.seed
}
