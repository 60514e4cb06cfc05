variable "name" {
  description = "Name that all resources begin with: small letters, digits and hyphens, at most 20."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "name must be 2 to 20 small letters, digits and hyphens, and begin with a letter."
  }
}

variable "generation" {
  description = "Number of the secrets' generation: another one makes new secrets. Nodes take them when they start, functions with their next instances."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.generation >= 1 && floor(var.generation) == var.generation
    error_message = "generation must be a whole number from 1."
  }
}

variable "recovery_days" {
  description = "Time in days for which a deleted secret can be brought back; 0 deletes at once, and its name is free again."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.recovery_days == 0 || (var.recovery_days >= 7 && var.recovery_days <= 30)
    error_message = "recovery_days must be 0 or between 7 and 30."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the secrets; null: the account's aws/secretsmanager."
  type        = string
  default     = null
}

variable "identities" {
  description = "Keys and certificates of processes, which cim cluster makes: ids of nodes, one for each node that may run, the id of the routes, and the number of their generation: another one writes identity_files anew. null: the cluster key alone counts between processes."
  type = object({
    nodes      = set(string)
    route      = string
    generation = optional(number, 1)
  })
  default = null

  validation {
    condition     = var.identities == null || try(length(var.identities.nodes) > 0 && !contains(var.identities.nodes, var.identities.route), false)
    error_message = "identities.nodes must not be empty, and identities.route must be another id."
  }
  validation {
    condition     = var.identities == null || alltrue([for id in try(setunion(var.identities.nodes, [var.identities.route]), []) : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", id))])
    error_message = "ids of identities must be 1 to 64 letters, digits, dots, hyphens and underscores, and begin with a letter or a digit."
  }
}

variable "identity_files" {
  description = "What cim cluster wrote for each id of identities, by id: the content of ID.pem. It is in no state and no plan, and is read only when the generation of identities changes."
  type        = map(string)
  default     = {}
  nullable    = false
  ephemeral   = true
}

variable "certificate_generation" {
  description = "Number of the generation of certificate_files: another one writes them anew. null: no certificate is kept here."
  type        = number
  default     = null
}

variable "certificate_files" {
  description = "The wildcard certificate of the nodes with its chain, and its key, both PEM. It is in no state and no plan, and is read only when certificate_generation changes. null: what is there stays."
  type = object({
    certificate = string
    key         = string
  })
  default   = null
  ephemeral = true
}
