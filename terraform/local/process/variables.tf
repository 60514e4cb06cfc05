variable "dir" {
  description = "Folder of the cluster, which `process prepare` made."
  type        = string
  nullable    = false
}

variable "name" {
  description = "Name of the process, unique in dir: of its log, its configuration and its process id."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]*$", var.name))
    error_message = "name must be of small letters, digits and hyphens."
  }
}

variable "command" {
  description = "Program and arguments. They stand in the state and in the list of processes: no secrets."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.command) > 0
    error_message = "command must not be empty."
  }
}

variable "config" {
  description = "Text of DIR/NAME.conf; @PASSWORD@ in it becomes the store's password. Empty: no such file."
  type        = string
  default     = ""
  nullable    = false
}

variable "ready" {
  description = "When it is ready: tcp:PORT (something accepts connections) or http:PORT:/PATH (and answers 200)."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^(tcp:\\d+|http:\\d+:/.*)$", var.ready))
    error_message = "ready must be tcp:PORT or http:PORT:/PATH."
  }
}

variable "patience" {
  description = "Time in seconds that the process may take to end by itself before it is killed."
  type        = number
  default     = 10
  nullable    = false
}
