output "url" {
  description = "URL of the store for -redis."
  value       = module.redis.url
}
