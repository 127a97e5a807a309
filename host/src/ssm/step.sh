#!/bin/sh
# __TITLE__
# Made by `rex-runner ssm render`. Nothing of a caller's stands in this text, and nothing of it is ever put into a command.
LC_ALL=C
export LC_ALL
refuse() {
    printf '{"schema_version":1,"status":"ERROR","outcome":"%s","exit_code":%s,"error":{"error_type":"%s","message":"%s"}}' "$2" "$1" "$3" "$4"
    exit "$1"
}
# Agents before 3.3.2746.0 set no variables. There is no other safe way in, so this is the end.
if [ "__CHECK__" != "__CHECKED__" ]; then
    refuse 5 invalid VALIDATION_EXCEPTION 'the SSM agent is older than 3.3.2746.0 and cannot pass a script safely: update it'
fi
case $SSM_timeoutSeconds in
'' | *[!0-9]* | ?????*) refuse 5 invalid VALIDATION_EXCEPTION 'timeoutSeconds is no number from 1 to __MAX_TIMEOUT__' ;;
esac
if [ "$SSM_timeoutSeconds" -lt 1 ] || [ "$SSM_timeoutSeconds" -gt __MAX_TIMEOUT__ ]; then
    refuse 5 invalid VALIDATION_EXCEPTION 'timeoutSeconds is no number from 1 to __MAX_TIMEOUT__'
fi
__NAME_CHECK__
PATH=${PATH:-/usr/bin:/bin}:/usr/local/bin:/opt/rex/bin
if ! command -v rex-runner >/dev/null 2>&1; then
    refuse 6 host_failed INTERNAL_EXCEPTION 'rex-runner is not installed, neither on the PATH of the SSM agent nor in /usr/local/bin or /opt/rex/bin'
fi
rex-runner __SOURCE__ --args-env SSM_arguments --timeout "$SSM_timeoutSeconds" --max-output 23000 --policy-digest sha256:__DIGEST__ -p /dev/fd/3 3<<'__DELIMITER__'
__POLICY____DELIMITER__
code=$?
# Every other code means something to the agent: 168 makes a success of anything, 194 restarts the machine.
case $code in
[0-7]) exit "$code" ;;
esac
refuse 6 host_failed INTERNAL_EXCEPTION "rex-runner ended with code $code, which is none of its own"
