# __TITLE__
# Made by `rex-runner ssm render`. Nothing of a caller's stands in this text, and nothing of it is ever put into a command.
$ErrorActionPreference = 'Stop'
function Write-Verdict([int]$Code, [string]$Outcome, [string]$Type, [string]$Message) {
    $head = '{"schema_version":1,"status":"ERROR","outcome":"' + $Outcome + '","exit_code":' + $Code
    [Console]::Out.Write($head + ',"error":{"error_type":"' + $Type + '","message":"' + $Message + '"}}')
}
# Agents before 3.3.2746.0 set no variables. There is no other safe way in, so this is the end.
if (-not (__CHECK__)) {
    Write-Verdict 5 'invalid' 'VALIDATION_EXCEPTION' 'the SSM agent is older than 3.3.2746.0 and cannot pass a script safely, or the script is empty'
    exit 5
}
if ($env:SSM_timeoutSeconds -cnotmatch '\A[0-9]{1,4}\z' -or [int]$env:SSM_timeoutSeconds -lt 1 -or [int]$env:SSM_timeoutSeconds -gt __MAX_TIMEOUT__) {
    Write-Verdict 5 'invalid' 'VALIDATION_EXCEPTION' 'timeoutSeconds is no number from 1 to __MAX_TIMEOUT__'
    exit 5
}
__NAME_CHECK__
# Below Program Files only administrators write; the PATH may lead anywhere.
$runner = Join-Path $env:ProgramFiles 'Rex\rex-runner.exe'
if (-not (Test-Path -LiteralPath $runner -PathType Leaf)) {
    Write-Verdict 6 'host_failed' 'INTERNAL_EXCEPTION' 'rex-runner.exe is not installed in the folder Rex of Program Files'
    exit 6
}
# The agent makes this directory for this step alone, and only SYSTEM and administrators enter it.
$policy = Join-Path $PSScriptRoot 'policy.cedar'
$code = 6
try {
    [Console]::OutputEncoding = New-Object System.Text.UTF8Encoding $false
    [IO.File]::WriteAllBytes($policy, [Convert]::FromBase64String('__POLICY__'))
    & $runner __SOURCE__ --args-env SSM_arguments --timeout $env:SSM_timeoutSeconds --max-output 23000 --policy-digest sha256:__DIGEST__ -p $policy
    $code = $LASTEXITCODE
} catch {
    Write-Verdict 6 'host_failed' 'INTERNAL_EXCEPTION' 'the step could not start rex-runner'
    $code = 6
} finally {
    Remove-Item -LiteralPath $policy -Force -ErrorAction SilentlyContinue
}
# Every other code means something to the agent: 168 makes a success of anything, 3010 restarts the machine.
if ($code -lt 0 -or $code -gt 7) {
    Write-Verdict 6 'host_failed' 'INTERNAL_EXCEPTION' "rex-runner ended with code $code, which is none of its own"
    $code = 6
}
exit $code
