/** What both templates are filled with. */
export interface MailView {
  language: string;
  title: string;
  greeting: string;
  text: string;
  /** A page of the front end. */
  link?: { url: string; label: string; orCopy?: string };
  /** The bare token, where there is no page for it. */
  token?: { label: string; value: string };
  closing: string;
}

/** Plain text; nothing is escaped. */
export const plainTemplate = `<%= it.greeting %>

<%= it.text %>

<% if (it.link) { %><%= it.link.label %>:
<%= it.link.url %>

<% } %><% if (it.token) { %><%= it.token.label %>
<%= it.token.value %>

<% } %><%= it.closing %>
`;

/** HTML without anything to load; every value is escaped. */
export const htmlTemplate = `<!doctype html>
<html lang="<%= it.language %>">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title><%= it.title %></title></head>
<body style="margin:0;padding:24px;background:#f4f5f7;color:#1f2733;font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif">
<div style="max-width:560px;margin:0 auto;padding:32px;background:#ffffff;border-radius:8px">
<h1 style="margin:0 0 16px;font-size:20px;line-height:1.3"><%= it.title %></h1>
<p><%= it.greeting %></p>
<p style="white-space:pre-line"><%= it.text %></p>
<% if (it.link) { %>
<p style="margin:24px 0"><a href="<%= it.link.url %>" style="display:inline-block;padding:12px 20px;background:#1d4ed8;border-radius:6px;color:#ffffff;text-decoration:none"><%= it.link.label %></a></p>
<% if (it.link.orCopy) { %>
<p style="font-size:13px;color:#5b6675"><%= it.link.orCopy %><br><span style="word-break:break-all"><%= it.link.url %></span></p>
<% } %>
<% } %>
<% if (it.token) { %>
<p><%= it.token.label %><br><code style="word-break:break-all"><%= it.token.value %></code></p>
<% } %>
<p style="margin:24px 0 0;color:#5b6675"><%= it.closing %></p>
</div>
</body>
</html>
`;
