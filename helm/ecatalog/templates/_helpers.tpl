{{- define "ecatalog.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* At most 40 characters: a CronJob's name may have 52, and ours adds to it. */}}
{{- define "ecatalog.fullname" -}}
{{- $name := include "ecatalog.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{ default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* What selects the pods of one component; carries no version, for a selector never changes. */}}
{{- define "ecatalog.selector" -}}
app.kubernetes.io/name: {{ include "ecatalog.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "ecatalog.labels" -}}
{{ include "ecatalog.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "ecatalog.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ default $.Chart.AppVersion .tag }}{{ end -}}
{{- end -}}
{{- end }}

{{- define "ecatalog.sqlite" -}}
{{ if eq .Values.database.type "sqlite" }}true{{ end }}
{{- end }}

{{- define "ecatalog.migrationMode" -}}
{{- /* Before a restore there may be nothing to migrate. */ -}}
{{ if .Values.maintenance }}none{{ else }}{{ .Values.migrations.mode | default (ternary "initContainer" "hook" (eq .Values.database.type "sqlite")) }}{{ end }}
{{- end }}

{{- define "ecatalog.secretName" -}}
{{ .Values.secrets.existingSecret | default (include "ecatalog.fullname" .) }}
{{- end }}

{{- define "ecatalog.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ include "ecatalog.fullname" . }}{{ else }}{{ .Values.serviceAccount.name | default "default" }}{{ end -}}
{{- end }}

{{- define "ecatalog.dataClaim" -}}
{{ .Values.persistence.existingClaim | default (printf "%s-data" (include "ecatalog.fullname" .)) }}
{{- end }}

{{- define "ecatalog.backupClaim" -}}
{{ .Values.backup.persistence.existingClaim | default (printf "%s-backup" (include "ecatalog.fullname" .)) }}
{{- end }}

{{/* The keys of the chart's Secret that the database needs; `owner` adds what only a migration may see. */}}
{{- define "ecatalog.databaseSecrets" -}}
{{- with .root.Values.secrets -}}
{{- $database := $.root.Values.database -}}
{{- if and (eq $database.type "postgresql") (not $database.host) }}
DATABASE_URL: {{ .databaseUrl | b64enc }}
{{- end }}
{{- if and (eq $database.type "postgresql") $database.host (not $database.existingSecret) }}
DATABASE_PASSWORD: {{ .databasePassword | b64enc }}
{{- end }}
{{- if and $.owner .databaseMigrationUrl }}
DATABASE_MIGRATION_URL: {{ .databaseMigrationUrl | b64enc }}
{{- end }}
{{- end -}}
{{- end }}

{{- define "ecatalog.secretVariable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key | default .name }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end }}

{{/* Where the database is: takes root, the secret's name, and `owner` for a migration. */}}
{{- define "ecatalog.databaseEnv" -}}
{{- $database := .root.Values.database -}}
{{- if eq $database.type "sqlite" }}
- name: DATABASE_URL
  value: sqlite:/data/ecatalog.db
{{- else if $database.host }}
- name: DATABASE_HOST
  value: {{ $database.host | quote }}
- name: DATABASE_PORT
  value: {{ $database.port | quote }}
- name: DATABASE_NAME
  value: {{ $database.name | quote }}
- name: DATABASE_SSLMODE
  value: {{ $database.sslmode | quote }}
{{- if $database.existingSecret }}
{{ include "ecatalog.secretVariable" (dict "name" "DATABASE_USER" "secret" $database.existingSecret "key" $database.existingSecretUserKey) }}
{{ include "ecatalog.secretVariable" (dict "name" "DATABASE_PASSWORD" "secret" $database.existingSecret "key" $database.existingSecretPasswordKey) }}
{{- else }}
- name: DATABASE_USER
  value: {{ $database.user | quote }}
{{ include "ecatalog.secretVariable" (dict "name" "DATABASE_PASSWORD" "secret" .secret) }}
{{- end }}
{{- else }}
{{ include "ecatalog.secretVariable" (dict "name" "DATABASE_URL" "secret" .secret) }}
{{- end }}
{{- if eq $database.type "postgresql" }}
{{- if .owner }}
{{ include "ecatalog.secretVariable" (dict "name" "DATABASE_MIGRATION_URL" "secret" .secret "optional" true) }}
{{- end }}
{{- end }}
{{- end }}

{{/* What every pod has: no token, one numeric account, the same images, nodes and priority. */}}
{{- define "ecatalog.podSpec" -}}
automountServiceAccountToken: false
{{- /* Service variables such as DATABASE_PORT of a Service `database` must not reach the app. */}}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end }}

{{/* What every container has. */}}
{{- define "ecatalog.container" -}}
image: {{ include "ecatalog.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  privileged: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{/* The mounts of app, migrations and backups. */}}
{{- define "ecatalog.mounts" -}}
- name: tmp
  mountPath: /tmp
{{- if include "ecatalog.sqlite" . }}
- name: data
  mountPath: /data
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Their volumes; takes root and the room of /tmp. */}}
{{- define "ecatalog.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .tmpSize }}
{{- if include "ecatalog.sqlite" .root }}
- name: data
  persistentVolumeClaim:
    claimName: {{ include "ecatalog.dataClaim" .root }}
{{- end }}
{{- with .root.Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The container that migrates, in a Job or before the app. */}}
{{- define "ecatalog.migration" -}}
- name: migrate
  {{- include "ecatalog.container" .root | nindent 2 }}
  command: [node, dist/src/cli.js, migrate, up]
  env:
    {{- include "ecatalog.databaseEnv" (dict "root" .root "secret" .secret "owner" true) | trim | nindent 4 }}
    {{- with .root.Values.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  resources:
    {{- toYaml .root.Values.migrations.resources | nindent 4 }}
  volumeMounts:
    {{- include "ecatalog.mounts" .root | nindent 4 }}
{{- end }}

{{/* The Job's spec; takes root, its secret and its service account. */}}
{{- define "ecatalog.migrationJob" -}}
backoffLimit: {{ .root.Values.migrations.backoffLimit }}
activeDeadlineSeconds: {{ .root.Values.migrations.activeDeadlineSeconds }}
template:
  metadata:
    labels:
      {{- include "ecatalog.selector" (dict "root" .root "component" "migrate") | nindent 6 }}
  spec:
    restartPolicy: Never
    serviceAccountName: {{ .serviceAccount }}
    {{- include "ecatalog.podSpec" .root | nindent 4 }}
    containers:
      {{- include "ecatalog.migration" . | nindent 6 }}
    volumes:
      {{- include "ecatalog.volumes" (dict "root" .root "tmpSize" .root.Values.tmpSize) | nindent 6 }}
{{- end }}

{{/* Egress to DNS and, on PostgreSQL, to the database. */}}
{{- define "ecatalog.egress" -}}
- ports:
    {{- range .Values.networkPolicy.dnsPorts }}
    - { port: {{ . }}, protocol: UDP }
    - { port: {{ . }}, protocol: TCP }
    {{- end }}
{{- if eq .Values.database.type "postgresql" }}
- ports:
    - { port: {{ .Values.database.port }}, protocol: TCP }
{{- end }}
{{- with .Values.networkPolicy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A policy for pods that nobody calls. */}}
{{- define "ecatalog.jobPolicy" -}}
podSelector:
  matchLabels:
    {{- include "ecatalog.selector" . | nindent 4 }}
policyTypes: [Ingress, Egress]
egress:
  {{- include "ecatalog.egress" .root | nindent 2 }}
{{- end }}
