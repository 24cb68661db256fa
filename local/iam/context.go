package iam

import (
	"fmt"
	"strings"
)

// Context has the condition keys that are modelled for a request. A key with an empty list is modelled and absent from the
// request; a key that is not in the map is not modelled, and a matching statement that asks for it fails the evaluation. A
// name that ends in a slash (aws:ResourceTag/, aws:RequestTag/), or kms:EncryptionContext:, says that its whole family is
// modelled: members that are not in the map are absent.
//
// Names compare without regard to case, tag keys among them:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourcetag
type Context map[string][]string

// fold is the context with its keys in lower case.
func (c Context) fold() (Context, error) {
	folded := Context{}
	for key, values := range c {
		lower := strings.ToLower(key)
		if _, twice := folded[lower]; twice {
			return nil, fmt.Errorf("condition key %s is given twice", lower)
		}
		folded[lower] = values
	}
	return folded, nil
}

// values reads a folded context.
func (c Context) values(key string) ([]string, error) {
	key = strings.ToLower(key)
	values, modelled := c[key]
	if !modelled {
		_, modelled = c[family(key)]
	}
	if !modelled {
		return nil, fmt.Errorf("condition key %s is not modelled", key)
	}
	return values, nil
}

const encryptionContext = "kms:encryptioncontext:"

// family is the name of the family that a key in lower case belongs to, or nothing.
func family(key string) string {
	if strings.HasPrefix(key, encryptionContext) {
		return encryptionContext
	}
	name, _, member := strings.Cut(key, "/")
	if !member {
		return ""
	}
	return name + "/"
}
