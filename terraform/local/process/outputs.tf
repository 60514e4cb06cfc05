output "log" {
  description = "Path of the process' log."
  value       = "${var.dir}/${var.name}.log"
}
