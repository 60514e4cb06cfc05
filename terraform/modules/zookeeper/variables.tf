variable "name" {
  description = "Name that all resources begin with: small letters, digits and hyphens, at most 20."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 20 small letters, digits and hyphens, and begin with a letter."
  }
}

variable "vpc_id" {
  description = "Id of the network."
  type        = string
  nullable    = false
}

variable "subnet_ids" {
  description = "Ids of private subnets."
  type        = list(string)
  nullable    = false
}

variable "clients" {
  description = "Ids of the security groups that may connect, by a name of your choice. Only nodes need to."
  type        = map(string)
  nullable    = false
}

variable "servers" {
  description = "Number of servers: 1, 3 or 5."
  type        = number
  default     = 3
  nullable    = false

  validation {
    condition     = contains([1, 3, 5], var.servers)
    error_message = "servers must be 1, 3 or 5: an even number survives no more failures than the odd one below it."
  }
}

variable "ami" {
  description = "Id of an Amazon Linux 2023 image of instance_type's architecture."
  type        = string
  nullable    = false
}

variable "instance_type" {
  description = "EC2 type of each server."
  type        = string
  default     = "t4g.small"
  nullable    = false
}

variable "disk" {
  description = "Size of each server's disk in GiB."
  type        = number
  default     = 16
  nullable    = false

  validation {
    condition     = var.disk >= 8
    error_message = "disk must be at least 8 GiB."
  }
}

variable "archive" {
  description = "Where Apache's binary release of ZooKeeper (apache-zookeeper-3.x.y-bin.tar.gz) is, and its SHA-256 in hexadecimal. The servers have no way to the internet."
  type = object({
    bucket = string
    key    = string
    sha256 = string
  })
  nullable = false

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.archive.sha256))
    error_message = "archive.sha256 must be 64 hexadecimal digits."
  }
}

variable "alarm_topic_arns" {
  description = "ARNs of the SNS topics that alarms go to; null makes no alarms."
  type        = list(string)
  default     = []
}
