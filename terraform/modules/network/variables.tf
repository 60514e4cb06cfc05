variable "name" {
  description = "Name that all resources begin with: small letters, digits and hyphens, at most 20."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 20 small letters, digits and hyphens, and begin with a letter."
  }
}

variable "cidr" {
  description = "IPv4 range of the network, in CIDR form, from /16 to /20; each subnet is 1/16 of it."
  type        = string
  default     = "10.42.0.0/16"
  nullable    = false

  validation {
    condition     = can(cidrnetmask(var.cidr)) && try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 20, false)
    error_message = "cidr must be an IPv4 range from /16 to /20, such as 10.42.0.0/16."
  }
}

variable "zones" {
  description = "Names of the availability zones, two to six; each gets a public and a private subnet."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 6 && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones must be two to six different names."
  }
}

variable "interface_endpoints" {
  description = "Names of AWS services that the private subnets reach without the internet; S3 always is among them, at no cost."
  type        = set(string)
  default     = ["secretsmanager"]
  nullable    = false
}
