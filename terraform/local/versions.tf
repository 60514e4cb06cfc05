terraform {
  # terraform_data came with 1.4, references between variables' validations with 1.9.
  required_version = ">= 1.9"
}
