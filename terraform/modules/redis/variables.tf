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
  description = "Ids of the security groups that may connect, by a name of your choice. Only routes need to."
  type        = map(string)
  nullable    = false
}

variable "password" {
  description = "Password of the user cim, 16 to 128 characters. It is written and never read back, and in no state."
  type        = string
  ephemeral   = true
  nullable    = false
}

variable "password_generation" {
  description = "Number that changes with the password, since terraform cannot compare what it does not keep."
  type        = number
  default     = 1
  nullable    = false
}

variable "engine" {
  description = "Engine and its version: valkey or redis."
  type = object({
    name    = optional(string, "valkey")
    version = optional(string, "8.0")
    family  = optional(string, "valkey8")
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["valkey", "redis"], var.engine.name)
    error_message = "engine.name must be valkey or redis."
  }
}

variable "node_type" {
  description = "ElastiCache type of each server."
  type        = string
  default     = "cache.t4g.small"
  nullable    = false
}

variable "shards" {
  description = "Number of masters; above 1 the store is a Redis Cluster."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.shards >= 1 && var.shards <= 90 && floor(var.shards) == var.shards
    error_message = "shards must be a whole number from 1 to 90."
  }
}

variable "replicas" {
  description = "Number of replicas of each master; 0 gives up failover, and with it what the master had when its machine dies."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.replicas >= 0 && var.replicas <= 5 && floor(var.replicas) == var.replicas
    error_message = "replicas must be a whole number from 0 to 5."
  }
}

variable "snapshot_days" {
  description = "Time in days for which daily snapshots are kept; 0 makes none."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.snapshot_days >= 0 && var.snapshot_days <= 35
    error_message = "snapshot_days must be between 0 and 35."
  }
}

variable "maintenance_window" {
  description = "When AWS may restart servers, in UTC, such as sun:05:00-sun:06:00."
  type        = string
  default     = "sun:05:00-sun:06:00"
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the data at rest; null: one of AWS'."
  type        = string
  default     = null
}

variable "alarm_topic_arns" {
  description = "ARNs of the SNS topics that alarms go to; null makes no alarms."
  type        = list(string)
  default     = []
}
