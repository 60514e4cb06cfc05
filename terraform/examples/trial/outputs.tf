output "page_url" {
  description = "URL of the chat page for browsers."
  value       = module.cim.page_url
}
