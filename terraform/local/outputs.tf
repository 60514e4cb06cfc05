output "route_url" {
  description = "URL of the route, for clients and for `cim -route`."
  value       = local.route
}

output "internal_url" {
  description = "URL of the route for nodes and operators: of its internal listener, if ports.internal is set."
  value       = local.internal
}

output "page_url" {
  description = "URL of the chat page for browsers."
  value       = "${local.route}/"
}

output "members_command" {
  description = "Command that shows the members, their load and what they own."
  value       = "${local.bin}/cim ring -route ${local.internal}"
}

output "chat_command" {
  description = "Command that chats in a terminal; with auth = \"open\" any name will do."
  value       = "${local.bin}/cim -route ${local.route} -name alice"
}

output "logs" {
  description = "Paths of the nodes' and the route's logs."
  value       = concat([module.route.log], [for name in sort(keys(module.node)) : module.node[name].log])
}
