# Every command of rdslink. `make` alone prints this list.

# The functions' own build flags hold for everything: Go then compiles the AWS SDK once. Function binaries come out the same
# for the same source, whoever builds them.
export GOFLAGS := -trimpath -tags=lambda.norpc -buildvcs=false
export CGO_ENABLED := 0
# jsii warns of Node versions that are out of support, the CDK runs on them all the same; the template does not depend on it.
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
# CDK resolves a property of CfnEventBusPolicy that it has itself deprecated.
export JSII_DEPRECATED := quiet
export CDK_DISABLE_CLI_TELEMETRY := true

# What a person may type, after make or in the environment. make would take a $ in it for its own, and a shell a quote: so each is
# taken as it was typed, and recipes hand it on in the environment. ARGS alone are words for the shell.
typed := DATABASE VENDOR CONSUMER NAME PRINCIPALS INPUT EXECUTION EXPOSURE ENDPOINT REASON TIMEOUT STACK HANDOFF VPC CLIENTS DB_USER TRUSTED ARGS ACCOUNT LOCAL_PORT ARCH CELLS CASES INPUTS SEED
# Some systems keep the machine's name there.
ifneq ($(origin NAME),command line)
override NAME :=
endif
$(foreach v,$(typed),$(if $(filter undefined,$(origin $v)),,$(eval override export $v := $$(value $v))))
define newline


endef
args = $(subst $(newline), ,$(ARGS))

# Which of several stacks: their option `name`.
STACK ?= $(value RDSLINK_NAME)
override export RDSLINK_NAME := $(STACK)
named := $(if $(STACK),-c name="$$RDSLINK_NAME")

rdslink := build/bin/rdslink
flag = $(if $($1),--$2 "$$$1")
context = $(if $($1),-c $2="$$$1")

# The Lambda architecture, as Go names it. The default is this machine's: what the local cloud has run is what AWS gets.
export ARCH ?= $(shell go env GOHOSTARCH)
# Where the local cloud listens.
export LOCAL_PORT ?= 4566

phase := @local/tools/phase
cdk := build/node_modules/.bin/cdk

.DEFAULT_GOAL := help
.PHONY: help check cloud demo test unit fuzz test-product test-local bench permissions matrix cases lint local local-down local-env synth roles bootstrap deploy destroy deploy-consumer destroy-consumer deploy-login destroy-login start follow approve reject list vendors handoff show remove replay confirm functions sbom app tools-check clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  DATABASE, VENDOR: which database, for whom (make start, make demo).  EXPOSURE, ENDPOINT: what to approve, reject, show or remove.'
	@echo '  INPUT: the whole input instead, a file or JSON (make start).  STACK: which of several stacks.  APPROVE=ask: the demo asks you.'
	@echo '  HANDOFF, VPC, CLIENTS: the hand-off that rdslink printed, which VPC of the consumer, who there (make deploy-consumer).'
	@echo '  ARGS: flags of the command besides, for build/bin/rdslink COMMAND --help, which ends with codes of its own (docs/cli.md).'
	@echo '  The demo has DATABASE=instance|aurora|cluster|proxy|mysql|sqlserver|oracle and VENDOR=a preset|principals, or CONSUMER=account: your own other account.'

demo: cloud build/bin/demo ## the main job, whole, on a local cloud: deploy, one execution, an approval, rows read
	@build/bin/demo

test: cloud tools-check ## every test, and lint
	$(phase) "go vet" go vet ./...
	$(phase) "go vet, the local cloud" go -C local vet ./...
	$(phase) "lint" $(MAKE) --silent lint
	@$(MAKE) --silent -j2 test-product test-local

test-product:
	$(phase) "go test" go test -timeout 15m ./...
test-local:
	$(phase) "go test, the local cloud" go -C local test -timeout 15m ./...

unit: functions ## the product's own tests, without a local cloud
	$(phase) "go test" go test ./cmd/... ./docs ./functions/... ./infra/... ./internal/... ./statemachine/... ./tools/... ./test/repository

fuzz: build/.modules ## a million malformed inputs for each function (INPUTS=… for another number, SEED=… to repeat)
	$(phase) "go test -run Fuzz" env INPUTS="$${INPUTS:-1000000}" go test -count=1 -timeout 10h -run '^Fuzz' ./functions/...

bench: cloud build/.bench build/bin/bench ## measure sizes, starts, memory and AWS calls on a local cloud, beside the documented sync in Python
	@build/bin/bench

permissions: cloud ## what each role may do, what of it was needed how often in the end-to-end tests, and each change to a policy that the check must notice
	$(phase) "go test ./test/e2e" go test -count=1 -timeout 15m ./test/e2e
	@local/build/bin/local permissions --table --rules test/e2e/permissions.json --record build/permissions.json

matrix: cloud ## each call of an exposure's life fails, in each way, and fifty come at once (CELLS='removal .* killed' are those that fit it, SEED=…)
	CELLS="$${CELLS:-.}" CROWD=50 go test -count=1 -v -timeout 120m ./test/e2e -run 'TestWhateverFails|TestACrowd'

cases: cloud ## each kind of database and each consumer, by what a person types, with what was seen (CASES='VENDOR=fivetran' are those that fit it)
	CASES="$${CASES:-.}" go test -count=1 -v -timeout 60m ./test/e2e \
		-run "$$( { echo TestEachCase; grep -o 'Test[A-Za-z]*' docs/cases.md | grep -E "$${CASES:-.}"; } | paste -sd '|' -)"

lint: build/.npm tools-check functions build/bin/infra build/bin/consumer ## golangci-lint, cfn-lint on the templates, asl-validator on the definitions
	build/bin/golangci-lint run --allow-parallel-runners ./...
	cd local && ../build/bin/golangci-lint run --allow-parallel-runners ./...
	rm -rf build/lint && $(cdk) synth --quiet --app "build/bin/infra" --output build/lint
	$(cdk) synth --quiet --app "build/bin/consumer plan infra/consumer/testdata/plan.json" --output build/lint/consumer
	$(cdk) synth --quiet --app "build/bin/consumer plan infra/consumer/testdata/link.json" --output build/lint/link
	$(cdk) synth --quiet --app "build/bin/consumer login plan infra/consumer/testdata/login.json" --output build/lint/login
	@# E3601 knows the partition aws alone; asl-validator looks at the definition with a partition in it.
	build/aws/bin/cfn-lint --non-zero-exit-code warning --ignore-checks W3005 E3601 -- build/lint/rdslink.template.json build/lint/consumer/*.template.json build/lint/link/*.template.json build/lint/login/*.template.json
	for f in statemachine/*.asl.json; do \
		sed 's/$${Partition}/aws/' "$$f" >build/lint/$${f##*/} && build/node_modules/.bin/asl-validator --json-path build/lint/$${f##*/} || exit 1; \
	done

local: cloud build/bin/demo ## start the local cloud with the app deployed, and print the environment for aws and cdk
	@build/bin/demo up --port "$$LOCAL_PORT"

local-down: ## stop the local cloud
	@build/bin/demo down --port "$$LOCAL_PORT"

local-env: ## print the local cloud's environment, for eval (ACCOUNT=… for another account's)
	@build/bin/demo env --port "$$LOCAL_PORT" $(call flag,ACCOUNT,account)

synth: build/.npm ## synthesize the template into cdk.out
	$(cdk) synth --quiet $(named) $(args) && ls cdk.out/*.template.json

roles: build/.npm functions build/bin/infra ## print the policies and trust of every role, for roles that you make yourself (ARGS for cdk)
	@$(cdk) synth --quiet --app "build/bin/infra roles" --output build/roles $(named) $(args) && cat build/roles/rdslink.roles.json

bootstrap: build/.npm ## prepare an account and region of AWS for the CDK, once (ARGS for cdk)
	$(cdk) bootstrap $(args)

deploy: build/.npm sbom ## deploy to AWS, with your credentials and region (ARGS for cdk; YES=1: options may be lost)
	PREFLIGHT=1 $(cdk) deploy $(named) $(args)

destroy: build/bin/rdslink ## delete the stack from AWS after its last exposure, and what it leaves (YES=1: without being asked)
	@$(rdslink) destroy $(args)

connected = $(call context,HANDOFF,handoff) $(call context,VPC,vpc) $(call context,CLIENTS,clients)
deploy-consumer: build/.npm build/bin/consumer ## connect a VPC of your own other account, with its credentials: make deploy-consumer HANDOFF=handoff.json VPC=vpc-… [CLIENTS=sg-…]
	$(cdk) deploy --app build/bin/consumer --output build/consumer $(connected) $(args)

destroy-consumer: build/.npm build/bin/consumer ## take that away again: make destroy-consumer HANDOFF=handoff.json VPC=vpc-… (YES=1: without being asked)
	$(cdk) destroy --app "build/bin/consumer name" --output build/consumer $(if $(filter 1,$(YES)),--force) $(connected) $(args)

logged-in = $(call context,HANDOFF,handoff) $(call context,DB_USER,user) $(call context,TRUSTED,trusted)
deploy-login: build/.npm build/bin/consumer ## let clients there log in by IAM, in the database's account: make deploy-login HANDOFF=handoff.json DB_USER=app TRUSTED=arn:…
	$(cdk) deploy --app "build/bin/consumer login" --output build/consumer $(logged-in) $(args)

destroy-login: build/.npm build/bin/consumer ## take that away again: make destroy-login HANDOFF=handoff.json DB_USER=app TRUSTED=arn:… (YES=1: without being asked)
	$(cdk) destroy --app "build/bin/consumer login name" --output build/consumer $(if $(filter 1,$(YES)),--force) $(logged-in) $(args)

start: build/bin/rdslink ## start an execution and follow it: make start DATABASE=orders-prod VENDOR=pushmetrics
	@$(rdslink) start $(call flag,INPUT,input) $(call flag,DATABASE,database) $(call flag,VENDOR,vendor) $(call flag,NAME,name) \
		$(call flag,PRINCIPALS,principals) $(call flag,TIMEOUT,timeout) $(args)

follow: build/bin/rdslink ## follow an execution that was started: make follow EXECUTION=arn:…
	@$(rdslink) follow "$$EXECUTION" $(call flag,TIMEOUT,timeout) $(args)

approve: build/bin/rdslink ## approve a pending connection: make approve EXPOSURE=… [ENDPOINT=vpce-…] [REASON=…]
	@$(rdslink) approve "$$EXPOSURE" $(call flag,ENDPOINT,endpoint) $(call flag,REASON,reason) $(args)

reject: build/bin/rdslink ## reject a connection, also one that is available: make reject EXPOSURE=… [ENDPOINT=vpce-…] [REASON=…] (YES=1: without being asked)
	@$(rdslink) reject "$$EXPOSURE" $(call flag,ENDPOINT,endpoint) $(call flag,REASON,reason) $(args)

list: build/bin/rdslink ## print every exposure: what is shown to whom, how it is, who is connected (ARGS='--output json')
	@$(rdslink) list $(args)

vendors: build/bin/rdslink ## print the vendors' presets, without credentials (ARGS='--output json')
	@$(rdslink) vendors $(args)

handoff: build/bin/rdslink ## print the text that an exposure's consumer needs to connect, once more: make handoff EXPOSURE=…
	@$(rdslink) handoff "$$EXPOSURE" $(args)

show: build/bin/rdslink ## print an exposure's hops, which of them is broken, and what to do: make show EXPOSURE=…
	@$(rdslink) show "$$EXPOSURE" $(args)

remove: build/bin/rdslink ## take an exposure away, and all that belongs to it: make remove EXPOSURE=… (YES=1: without being asked)
	@$(rdslink) remove "$$EXPOSURE" $(args)

replay: build/bin/rdslink ## have what functions gave up on dealt with again, letter by letter, as it is
	@$(rdslink) replay $(args)

confirm: build/bin/rdslink ## hold docs/assumptions.md against the account, and change nothing: make confirm [EXPOSURE=…] [ARGS='--output json']
	@$(rdslink) confirm "$$EXPOSURE" $(args)

clean: ## remove everything that was built
	rm -rf build cdk.out local/build

# What cdk runs: the functions must be there before the app turns them into assets. Before a deployment it also looks whether
# what the context names is there and will do, and which stack will be changed.
app: functions build/bin/infra build/bin/rdslink
	@build/bin/infra
	@$(if $(PREFLIGHT),$(rdslink) preflight "$$CDK_OUTDIR")

functions: build/.modules
	$(phase) "build the functions ($$ARCH)" tools/build-functions "$$ARCH"

sbom: functions ## list what the functions and the tools are made of: build/sbom.json, CycloneDX
	$(phase) "list the dependencies" go run ./tools/sbom build/sbom.json

# Go knows best whether a program is up to date.
build/bin/infra: build/.modules FORCE
	$(phase) "build the CDK app" go build -o $@ ./infra
build/bin/consumer: build/.modules FORCE
	$(phase) "build the consumer's CDK app" go build -o $@ ./infra/consumer
build/bin/rdslink: build/.modules FORCE
	$(phase) "build rdslink" go build -o $@ ./cmd/rdslink
build/bin/demo: build/.modules FORCE
	$(phase) "build the demo" go build -o $@ ./cmd/demo
build/bin/bench: build/.modules FORCE
	$(phase) "build the benchmark" go build -o $@ ./test/bench
FORCE:

# What a local cloud with the app on it is made of.
cloud: check build/.npm functions build/bin/infra build/bin/consumer build/bin/rdslink
	@$(MAKE) --silent -C local tools build

# Before anything is built or fetched.
check:
	@$(MAKE) --silent -C local check

tools-check: build/.aws build/bin/golangci-lint-v2.15.0

# Go says nothing while it downloads all at once.
build/.modules: go.sum
	$(phase) "download the Go modules" go mod download
	@mkdir -p build && touch $@
build/.npm: tools/package-lock.json
	$(phase) "install aws-cdk, asl-validator" local/tools/install-npm tools build
	@touch $@
build/.aws: tools/aws.txt
	$(phase) "install the AWS CLI, cfn-lint" local/tools/install-python build/aws $<
	@touch $@
build/.bench: tools/bench.txt
	$(phase) "install boto3, for the benchmark" local/tools/install-python build/bench $<
	@touch $@
build/bin/golangci-lint-v2.15.0:
	$(phase) "install golangci-lint" sh -c 'GOBIN="$$PWD/build/bin" go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 \
		2>build/golangci-lint.log || { cat build/golangci-lint.log >&2; exit 1; }'
	@touch $@
