// The session table as the API sees it. In production the driver stands behind this; tests keep the rows in memory.
export interface SessionRow { id: string; userId: string; expiresAt: Date }

const rows = new Map<string, SessionRow>();

export const db = {
  sessions: {
    async find(id: string): Promise<any> {
      return rows.get(id) ?? null;
    },
    async insert(row: SessionRow): Promise<void> {
      rows.set(row.id, row);
    },
    async remove(id: string): Promise<void> {
      rows.delete(id);
    },
  },
};
